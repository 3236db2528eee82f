import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What one part of a process says of itself. */
export interface Health {
  /** Whether it does its work; an outage that it waits out makes it false. */
  readonly ready: boolean
  readonly [detail: string]: unknown
}

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

/** Serves `GET /health`: 200 while every part is ready, else 503; the body holds each part's own words as JSON. */
export async function startHealthServer(
  parts: Readonly<Record<string, () => Health>>,
  options: { port: number; host: string },
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    if (request.url !== '/health') return response.writeHead(404).end()
    const told = Object.fromEntries(Object.entries(parts).map(([name, health]) => [name, health()]))
    const ready = Object.values(told).every((part) => part.ready)
    response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ ready, ...told }))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
