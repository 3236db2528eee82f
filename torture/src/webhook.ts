import { once } from 'node:events'
import { appendFileSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sleep } from '@commitcast/worker'

/** The outside world of a handler: an HTTP server that notes in a file, a line each, which events it was told of. */
export interface Webhook extends AsyncDisposable {
  readonly url: string
  /** Calls so far, also those that failed. */
  readonly calls: number
  /** For `ms` it fails: it answers 503, or not before the caller gives up, and notes nothing. */
  fail(ms: number, how: 'at once' | 'slowly'): Promise<void>
}

const slowMs = 5_000

/** Starts it. `path` is the file. */
export async function startWebhook(path: string): Promise<Webhook> {
  writeFileSync(path, '')
  let calls = 0
  let failing: 'at once' | 'slowly' | undefined
  const refuse = async (response: ServerResponse) => {
    if (failing === 'slowly') await sleep(slowMs)
    response.writeHead(503).end()
  }
  const server = createServer((request, response) => {
    calls++
    request.resume()
    if (failing) return void refuse(response)
    appendFileSync(path, `${request.url?.slice(1)}\n`)
    response.writeHead(204).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get calls() {
      return calls
    },
    async fail(ms, how) {
      failing = how
      await sleep(ms)
      failing = undefined
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
