import { sleep } from '@commitcast/worker'
import { patiently } from '../patiently.ts'
import { withClient } from '../with-client.ts'

const outageMs = 60_000

/** Lets a Postgres take no writes for `ms`, as before a switch-over. Throws where it can't be asked. */
export async function forbidWrites(url: string, ms: number): Promise<void> {
  try {
    await setReadOnly(url, 'on')
    await sleep(ms)
  } finally {
    await patiently(() => setReadOnly(url, 'off'), { ms: outageMs })
  }
}

async function setReadOnly(url: string, value: 'on' | 'off'): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`alter system set default_transaction_read_only = ${value}`)
    await client.query('select pg_reload_conf()')
  })
}
