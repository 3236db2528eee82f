import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Health } from '@commitcast/worker'

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

/** What each part of a process reports. */
export type HealthReport = () => Readonly<Record<string, Health>>

/** Answers a request for a process's health: 200 while every part is ready, else 503; each part's report as JSON. */
export function answerHealth(response: ServerResponse, report: HealthReport): void {
  const parts = report()
  const ready = Object.values(parts).every((part) => part.ready)
  response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ ready, ...parts }))
}

/** Serves `GET /health` and nothing else, for processes that have no server of their own. */
export async function startHealthServer(
  report: HealthReport,
  options: { readonly port: number; readonly host: string },
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    if (request.url === '/health') answerHealth(response, report)
    else response.writeHead(404).end()
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
