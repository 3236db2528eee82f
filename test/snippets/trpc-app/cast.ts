import { createCommitcast, defineChannels } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { connectionString, db } from './database.ts'
import { events } from './events.ts'

/** Connects to nothing before it is used. Postgres is the broker, too, for now. */
export const cast = createCommitcast({
  app: 'shop',
  events,
  db,
  broker: postgresBroker({ connectionString }),
  listenTo: connectionString,
})

/** A misspelt channel does not compile. */
export const channels = defineChannels({ customer: ['id'] })

/** The channels of an event: that of its customer. */
export const live = cast.live({ channels: (event) => [channels.customer(event.data.customerId)] })
