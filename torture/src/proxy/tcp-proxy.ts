import { connect, createServer, type Socket } from 'node:net'

/** One connection through a proxy, as those see it who want to harm it. */
export interface Line {
  /** Client to server: returns what goes on. */
  onRequest: (bytes: Buffer) => Buffer
  /** Server to client: returns what goes on. */
  onReply: (bytes: Buffer) => Buffer
  /** Sends the client something that was kept from it. */
  answer(bytes: Buffer): void
  /** Ends both sides at once, without a word. */
  cut(): void
}

/** A place between clients and a server. */
export interface TcpProxy {
  /** The server's address with the proxy's port. */
  readonly url: string
  /** The open connections. */
  readonly lines: ReadonlySet<Line>
  close(): Promise<void>
}

/** Passes bytes on to the server at `url`, both ways, until somebody takes hold of a line. */
export async function startTcpProxy(
  url: string,
  { onLine = () => {} }: { readonly onLine?: (line: Line) => void } = {},
): Promise<TcpProxy> {
  const target = new URL(url)
  const lines = new Set<Line>()
  const server = createServer({ noDelay: true }, (client) => {
    const line = join(client, connect({ host: target.hostname, port: Number(target.port), noDelay: true }), (gone) =>
      lines.delete(gone),
    )
    lines.add(line)
    onLine(line)
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.')
  const own = new URL(url)
  own.hostname = '127.0.0.1'
  own.port = String(address.port)
  return {
    url: own.href,
    lines,
    async close() {
      for (const line of lines) line.cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function join(client: Socket, server: Socket, onGone: (line: Line) => void): Line {
  const line: Line = {
    onRequest: (bytes) => bytes,
    onReply: (bytes) => bytes,
    answer(bytes) {
      if (!client.destroyed) client.write(bytes)
    },
    cut() {
      client.destroy()
      // What was passed on still reaches the server.
      server.destroySoon()
      onGone(line)
    },
  }
  carry(client, server, (bytes) => line.onRequest(bytes))
  carry(server, client, (bytes) => line.onReply(bytes))
  for (const side of [client, server]) side.on('error', line.cut).on('close', line.cut)
  return line
}

function carry(from: Socket, to: Socket, change: (bytes: Buffer) => Buffer): void {
  from.on('data', (bytes) => {
    const passed = change(bytes)
    if (passed.length === 0 || to.destroyed || to.writableEnded) return
    if (!to.write(passed)) {
      from.pause()
      to.once('drain', () => from.resume())
    }
  })
}
