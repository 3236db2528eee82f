import { ServerResponse } from 'node:http'

/**
 * Has this response's connection close behind it, so that its client's next request makes a new one, which a load balancer
 * sends elsewhere. For responses of Node's HTTP/1.1 server; passes over anything else.
 */
export function closeConnection(response: unknown): void {
  if (!(response instanceof ServerResponse)) return
  const { socket } = response
  if (response.headersSent) response.once('finish', () => socket?.destroySoon())
  else response.setHeader('connection', 'close')
}
