import { connect, createServer } from 'node:net'
import { joinSockets, type Line } from './line.ts'

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
    const server = connect({ host: target.hostname, port: Number(target.port), noDelay: true })
    const line = joinSockets(client, server, (gone) => lines.delete(gone))
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
