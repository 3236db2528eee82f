import { shopVariables } from '@commitcast/bookshop'
import { variable } from 'commitcast/process'

/** What the relay process reads from its environment. */
export const relayVariables = {
  ...shopVariables,
  /** Where `GET /health` is served. */
  HEALTH_PORT: variable.port(3001),
  HOST: variable.host(),
}
