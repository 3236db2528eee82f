import { createCommitcast } from 'commitcast'
import { postgresBroker } from 'commitcast/postgres'
import { connectionString, db } from './shop-database.ts'
import { events } from './shop-events.ts'

// #region apps
const broker = () => postgresBroker({ connectionString })
export const shop = createCommitcast({ app: 'shop', schema: 'shop_events', events, db, broker: broker() })
export const crm = createCommitcast({ app: 'crm', schema: 'crm_events', events, db, broker: broker() })
// #endregion apps
