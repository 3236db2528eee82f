import { shopVariables } from '@commitcast/bookshop'
import { variable } from 'commitcast/process'

/** What the stream process reads from its environment. */
export const streamVariables = {
  ...shopVariables,
  /** Where `GET /health` is served. */
  HEALTH_PORT: variable.port(3002),
  HOST: variable.host(),
}
