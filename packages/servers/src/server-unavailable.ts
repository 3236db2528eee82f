/** A way to a server that cannot be gone on this machine: why, and what to do about it. */
export interface NotHere {
  readonly because: string
  readonly remedy: string
}

/** No way to a server is open on this machine. The message lists each way, why it is closed and how to open it. */
export class ServerUnavailable extends Error {
  override readonly name = 'ServerUnavailable'
  readonly code = 'SERVER_UNAVAILABLE'

  constructor(server: string, tried: ReadonlyMap<string, NotHere>, address?: string) {
    const given = address === undefined ? '' : `\n- or give the address of one in ${address}.`
    super(`No ${server} server can be had here.\n${describeWays(tried)}${given}`)
  }
}

/** One line for each way: what it was, why it is closed, how to open it. */
export function describeWays(tried: ReadonlyMap<string, NotHere>): string {
  return [...tried].map(([way, { because, remedy }]) => `- ${way}: ${because}. ${remedy}.`).join('\n')
}
