import { shopVariables } from '@commitcast/bookshop'
import { variable } from 'commitcast/process'

/** What the API process reads from its environment. */
export const apiVariables = {
  ...shopVariables,
  /** Where tRPC is served, over HTTP and WebSocket. */
  PORT: variable.port(3000),
  HOST: variable.host(),
}
