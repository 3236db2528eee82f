/** What statements can be run with: a client of pg, for one. */
interface Connection {
  query(text: string, values: unknown[]): Promise<unknown>
}

/** An event of the torture; its data says its number within its key. */
export interface NotedEvent {
  readonly id: string
  readonly type: string
  readonly key: string
  readonly data: { readonly n: number }
}

/** Appends events and notes them in the ledger, in the connection's transaction. */
export async function appendNoted(connection: Connection, events: readonly NotedEvent[]): Promise<void> {
  await connection.query('select commitcast.append_all($1::json)', [JSON.stringify(events)])
  await connection.query(
    `insert into torture.ledger (id, key, n)
     select (e ->> 'id')::uuid, e ->> 'key', (e -> 'data' ->> 'n')::bigint from json_array_elements($1::json) as e`,
    [JSON.stringify(events)],
  )
}
