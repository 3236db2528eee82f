import { createCommitcast } from 'commitcast'
import { natsBroker } from 'commitcast/nats'
import { connectionString, db } from './shop-database.ts'
import { events } from './shop-events.ts'

const stopping = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort())

const broker = natsBroker({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222', replicas: 3 })
const cast = createCommitcast({ app: 'shop', events, db, broker, listenTo: connectionString })

// Resolves when what is in flight is settled and the partitions are handed over.
await cast.run({ roles: ['relay'], signal: stopping.signal })
await cast.close()
await db.destroy()
