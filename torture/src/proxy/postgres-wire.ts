/** One message of Postgres's protocol, version 3. */
export interface WireMessage {
  /** The letter that names its kind; empty for the first message of a client. */
  readonly kind: string
  readonly body: Buffer
}

/** Gathers bytes into messages. A client's first one has no letter. */
export function createWire({ isClient }: { readonly isClient: boolean }): (bytes: Buffer) => WireMessage[] {
  let rest: Buffer = Buffer.alloc(0)
  let isStarting = isClient
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    const messages: WireMessage[] = []
    for (;;) {
      const start = isStarting ? 0 : 1
      if (rest.length < start + 4) return messages
      const end = start + rest.readUInt32BE(start)
      if (rest.length < end) return messages
      messages.push({ kind: isStarting ? '' : String.fromCharCode(rest[0]!), body: rest.subarray(start + 4, end) })
      rest = rest.subarray(end)
      isStarting = false
    }
  }
}

/** Follows a client's messages; says the text of the statement that is run, prepared or not. */
export function createStatementReader(): (message: WireMessage) => string | undefined {
  const prepared = new Map<string, string>()
  return ({ kind, body }) => {
    if (kind === 'Q') return body.toString('utf8')
    if (kind !== 'P' && kind !== 'B') return undefined
    const [first = '', second = ''] = body.toString('utf8').split('\0', 2)
    if (kind === 'P') prepared.set(first, second)
    return kind === 'B' ? prepared.get(second) : undefined
  }
}
