/**
 * The timeline in what `server_identity()` returns: each fail-over to a standby makes a later one, a restart does not.
 * `undefined` where the server does not report it.
 */
export function timelineOf(server: string): number | undefined {
  const [, hex = ''] = server.split('/')
  return /^[0-9a-f]{8}$/i.test(hex) ? Number.parseInt(hex, 16) : undefined
}
