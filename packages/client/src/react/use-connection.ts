import { useSyncExternalStore } from 'react'
import { type Connection, pageConnection } from '../page-connection.ts'

/** How the page is connected, by all of its live queries: the worst status, the lag, how often one had to start over. */
export function useConnection(): Connection {
  return useSyncExternalStore(pageConnection.subscribe, pageConnection.current, pageConnection.current)
}
