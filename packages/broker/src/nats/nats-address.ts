import type { ConnectionOptions } from 'nats'

/** Reads `nats://user:password@host:4222`, because the `nats` package passes over all of an address but host and port. */
export function readNatsAddress(
  servers: string | readonly string[],
): Pick<ConnectionOptions, 'servers' | 'user' | 'pass' | 'tls'> {
  const list = typeof servers === 'string' ? servers.split(',') : servers
  const urls = list.map((text) => new URL(text.includes('://') ? text.trim() : `nats://${text.trim()}`))
  const named = urls.find((url) => url.username !== '')
  return {
    servers: urls.map((url) => url.host),
    ...(named && { user: decodeURIComponent(named.username), pass: decodeURIComponent(named.password) }),
    ...(urls.some((url) => url.protocol === 'tls:') && { tls: {} }),
  }
}
