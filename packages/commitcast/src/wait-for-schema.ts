import { checkSchema, SchemaOutdated } from '@commitcast/outbox'
import { type Logger, type Sql, untilItWorks } from '@commitcast/worker'
import type { Parts } from './health.ts'

/** Waits while the tables are older than this release. Any other trouble is for the roles to meet. */
export async function waitForSchema(
  { sql, schema, logger }: { readonly sql: Sql; readonly schema: string; readonly logger: Logger },
  { parts, signal }: { readonly parts: Parts; readonly signal: AbortSignal },
): Promise<void> {
  let trouble = 'starting'
  parts.own.set('schema', () => ({ ready: false, trouble }))
  const check = () =>
    checkSchema(sql, schema).catch((error) => {
      if (error instanceof SchemaOutdated) throw error
    })
  const onError = (error: unknown) => {
    const { code, message } = error as SchemaOutdated
    if (trouble !== message) logger.error({ code, schema }, message)
    trouble = message
  }
  await untilItWorks(check, { signal, onError })
  parts.own.delete('schema')
}
