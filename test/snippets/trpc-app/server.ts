import { createServer } from 'node:http'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { liveSockets } from 'commitcast'
import { WebSocketServer } from 'ws'
import { cast, live } from './cast.ts'
import { db } from './database.ts'
import { router } from './router.ts'

const http = createServer(createHTTPHandler({ router, basePath: '/trpc/' }))
const wss = new WebSocketServer({ server: http, path: '/trpc' })
const sockets = liveSockets({ wss, router })
applyWSSHandler(sockets)
const port = Number(process.env.PORT ?? 3000)
http.listen(port, () => console.log(`listening on port ${port}`))

// The workers: from Postgres to the browser. Later they may be processes of their own.
const stopping = new AbortController()
const workers = cast.run({ use: [live], signal: stopping.signal })

process.once('SIGTERM', stop).once('SIGINT', stop)

async function stop() {
  await sockets.drain()
  stopping.abort()
  await workers
  wss.close()
  http.close()
  await cast.close()
  await db.destroy()
}
