import { variable } from 'commitcast/process'

/** What the web process reads from its environment. */
export const webVariables = {
  /** Where the pages are served, `/trpc` and `/events` on behalf of the API. */
  PORT: variable.port(8080),
  HOST: variable.host(),
  /** The API process that answers `/trpc` and `/events`. */
  API_URL: variable.url(['http', 'https'], 'http://127.0.0.1:3000'),
}
