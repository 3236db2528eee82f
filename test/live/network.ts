import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What lies between clients and a server: it can be cut, and it can take nothing for a while. `portOf` is asked at every connection. */
export async function openNetwork(portOf: () => number) {
  const pairs = new Set<readonly [client: Socket, server: Socket]>()
  let isStalled = false
  const proxy = createServer((client) => {
    const server = connect(portOf(), '127.0.0.1')
    const pair = [client, server] as const
    pairs.add(pair)
    client.pipe(server)
    if (!isStalled) server.pipe(client)
    for (const socket of pair) {
      socket.on('error', () => {})
      socket.on('close', () => {
        pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/trpc`,
    /** Nothing that the server writes is taken any more, or all of it again. */
    stall(stalled: boolean) {
      isStalled = stalled
      for (const [client, server] of pairs) {
        if (stalled) server.unpipe(client).pause()
        else server.pipe(client)
      }
    },
    cut() {
      for (const [client, server] of pairs) {
        client.destroy()
        server.destroy()
      }
    },
    async [Symbol.asyncDispose]() {
      proxy.close()
      this.cut()
    },
  }
}
