import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { openShopClient } from '@commitcast/demo-app/shop-client'
import { type Everything, startEverything } from '@commitcast/demo-app/start-everything'
import { startProcess } from '@commitcast/demo-app/start-process'
import { freePort } from '@commitcast/servers'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { curl, hasCurl } from '../fixtures/curl.ts'
import { eventually } from '../fixtures/eventually.ts'
import { lastLines } from '../fixtures/last-lines.ts'
import { openBrowser } from '../fixtures/open-browser.ts'

let shop: Everything
let browser: Awaited<ReturnType<typeof openBrowser>>

const lines = lastLines()

beforeAll(async () => {
  ;[shop, browser] = await Promise.all([startEverything({ onLine: lines.add }), openBrowser()])
})

beforeEach(lines.tellOnFailure)

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  await shop?.stop()
})

/** Places orders in the shop, and knows their ids. */
function openCustomer() {
  const { trpc, close } = openShopClient(shop.apiUrl)
  const placed: string[] = []
  return {
    placed,
    async place(count: number) {
      for (let n = 0; n < count; n++) {
        placed.push((await trpc.orders.place.mutate({ customerId: 'ada', bookId: 1, quantity: 1 })).id)
      }
    },
    [Symbol.asyncDispose]: close,
  }
}

/** Opens a page of the shop that follows `/events/orders` with an EventSource; what it heard is asked for at any time. */
async function openPage(url: string) {
  const page = await (await browser.window()).newPage()
  const requests: Promise<Readonly<Record<string, string>>>[] = []
  page.on('request', (request) => {
    if (request.url().endsWith('/events/orders')) requests.push(request.allHeaders())
  })
  await page.goto(url)
  await page.evaluate(() => {
    const heard = { cursors: [] as string[], names: [] as string[], keys: [] as string[], closed: 0 }
    let cursor = ''
    const source = new EventSource('/events/orders')
    source.onopen = () => heard.cursors.push(cursor)
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) heard.closed++
    }
    for (const name of ['order.placed', 'live', 'checkpoint', 'resync']) {
      source.addEventListener(name, (message) => {
        heard.names.push(name)
        const { lastEventId, data } = message as MessageEvent
        cursor = lastEventId
        if (name === 'order.placed') heard.keys.push(JSON.parse(data).key)
      })
    }
    Object.assign(globalThis, { heard })
  })
  return {
    /** The headers of each connect. */
    requests,
    heard: () => page.evaluate(() => (globalThis as unknown as { heard: Heard }).heard),
    close: () => page.close(),
  }
}

interface Heard {
  /** Where it had come to at each connect. */
  readonly cursors: readonly string[]
  /** How often it gave up. */
  readonly closed: number
  readonly names: readonly string[]
  readonly keys: readonly string[]
}

test('an EventSource in Chromium has each order once, though the API is killed under it, and says where it stopped', async () => {
  await using customer = openCustomer()
  const page = await openPage(shop.url)
  await eventually(async () => expect((await page.heard()).names).toContain('live'))
  await customer.place(5)
  await eventually(async () => expect((await page.heard()).keys).toHaveLength(5))

  for (const kills of [1, 2]) {
    await shop.restart('api')
    // Placed while the browser is away: it waits a second or more before it comes back.
    await customer.place(5)
    await eventually(async () => expect((await page.heard()).keys).toHaveLength(5 + kills * 5))
  }
  const heard = await page.heard()
  expect(heard.keys.toSorted()).toEqual(customer.placed.toSorted())
  expect(heard.closed).toBe(0)
  expect(new Set(heard.cursors).size).toBe(3)
  const sent = (await Promise.all(page.requests)).map((headers) => headers['last-event-id'] ?? '')
  expect(sent).toEqual(heard.cursors)
  expect(heard.names).not.toContain('resync')
  await page.close()
})

test(`${hasCurl ? 'curl' : 'Node, for want of curl,'} -N goes on by Last-Event-ID where it stopped, after it or the API was killed`, async () => {
  await using customer = openCustomer()
  const heard: string[] = []
  const keysOf = ({ messages }: { messages: readonly { name: string; data: unknown }[] }) =>
    messages.flatMap(({ name, data }) => (name === 'order.placed' ? [(data as { key: string }).key] : []))
  const cursorOf = ({ messages }: { messages: readonly { id: string }[] }) => messages.at(-1)!.id

  const first = await curl(`${shop.url}/events/orders`)
  await eventually(() => expect(first.text).toContain('event: live'))
  expect(first.text).toMatch(/^retry: \d+\n\n/)
  await customer.place(3)
  await eventually(() => expect(keysOf(first)).toHaveLength(3))
  first.kill()
  await first.ended
  heard.push(...keysOf(first))

  await customer.place(3)
  await using second = await curl(`${shop.url}/events/orders`, { lastEventId: cursorOf(first) })
  await eventually(() => expect(keysOf(second)).toHaveLength(3))
  await shop.restart('api')
  await second.ended
  heard.push(...keysOf(second))

  await customer.place(3)
  await using third = await curl(`${shop.url}/events/orders`, { lastEventId: cursorOf(second) })
  await eventually(() => expect(keysOf(third)).toHaveLength(3))
  heard.push(...keysOf(third))
  expect(heard).toEqual([...new Set(heard)])
  expect(heard.toSorted()).toEqual(customer.placed.toSorted())
  expect(second.text + third.text).not.toContain('resync')
})

/** The web process alone, before an API that is only there when it is asked to be. */
async function startWeb() {
  const [webPort, apiPort] = await Promise.all([freePort(), freePort()])
  const env = { PORT: String(webPort), API_URL: `http://127.0.0.1:${apiPort}`, HOST: '127.0.0.1', LOG_LEVEL: 'fatal' }
  const web = startProcess('web', { env, onLine: lines.add })
  const url = `http://127.0.0.1:${webPort}`
  await eventually(async () => expect((await fetch(`${url}/health`)).ok).toBe(true))
  return { url, webPort, apiPort, [Symbol.asyncDispose]: web.stop }
}

test('while the API is away an EventSource stays, and is served when it is back', async () => {
  await using web = await startWeb()
  const page = await openPage(web.url)
  await eventually(() => expect(page.requests.length).toBeGreaterThanOrEqual(2))
  expect(await page.heard()).toMatchObject({ names: [], closed: 0 })
  const api = createServer((request, response) => {
    if (request.url !== '/events/orders') return response.end()
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\nevent: live\ndata: {}\n\n')
  })
  await once(api.listen(web.apiPort, '127.0.0.1'), 'listening')
  await eventually(async () => expect((await page.heard()).names).toEqual(['live']))
  await page.close()
  // The proxy lets go of what nobody reads any more.
  await eventually(async () => expect(await openConnections(api)).toBe(0))
  api.close()
})

test('the API hears of a WebSocket whose page it is, by which host it came, and its cookie', async () => {
  await using web = await startWeb()
  const api = createServer((_request, response) => response.end())
  const upgrades: IncomingHttpHeaders[] = []
  new WebSocketServer({ server: api }).on('connection', (socket, { headers }) => {
    upgrades.push(headers)
    socket.send('here')
  })
  await once(api.listen(web.apiPort, '127.0.0.1'), 'listening')
  const headers = { origin: 'https://elsewhere.example', cookie: 'session=1' }
  const socket = new WebSocket(`ws://127.0.0.1:${web.webPort}/trpc`, { headers })
  await once(socket, 'message')
  expect(upgrades).toMatchObject([{ ...headers, 'x-forwarded-host': `127.0.0.1:${web.webPort}` }])
  socket.terminate()
  api.close()
  api.closeAllConnections()
})

function openConnections(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )
}
