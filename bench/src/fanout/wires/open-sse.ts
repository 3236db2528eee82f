import { Agent, get } from 'node:http'

const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY })

/** One client over SSE. Resolves when the answer has begun. */
export function openSse(port: number, take: (chunk: Buffer, isWhole: boolean) => void): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const request = get({
      port,
      host: '127.0.0.1',
      path: '/trpc/follow',
      agent,
      headers: { accept: 'text/event-stream' },
    })
    request.on('error', reject)
    request.on('response', (response) => {
      response.on('data', (chunk: Buffer) => take(chunk, false))
      // It ends with the connection, when this side closes it.
      response.on('error', () => {})
      resolve(() => request.destroy())
    })
  })
}
