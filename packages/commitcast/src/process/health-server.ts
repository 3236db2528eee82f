import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Health } from '@commitcast/worker'

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * The health of a process by its parts; a part may have parts by name, as `groups` has. A `ready` of the whole, as `cast.health()`
 * has one, is allowed, and worked out anew.
 */
export type HealthReport = () => Readonly<Record<string, boolean | Health | Readonly<Record<string, Health>>>>

/** Answers a request for a process's health: 200 while every part is ready, else 503; the health of each part as JSON. */
export function answerHealth(response: ServerResponse, report: HealthReport): void {
  const parts = Object.entries(report()).filter(([name]) => name !== 'ready')
  const ready = parts.flatMap(([, part]) => partsOf(part)).every((part) => part.ready)
  const body = JSON.stringify({ ready, ...Object.fromEntries(parts) })
  response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' }).end(body)
}

/** A part by itself has a `ready` that is a boolean; one that is called so in a set of parts is an object. */
function partsOf(part: boolean | Health | Readonly<Record<string, Health>>): readonly Health[] {
  if (typeof part === 'boolean') return []
  return isHealth(part) ? [part] : Object.values(part)
}

function isHealth(part: Health | Readonly<Record<string, Health>>): part is Health {
  return typeof part.ready === 'boolean'
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
