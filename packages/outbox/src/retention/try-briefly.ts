import type { Sql } from '@commitcast/worker'

/** Lock time-out, deadlock, cancelled, already being detached, already gone: another process does it. */
const heldUp = new Set(['55P03', '40P01', '57014', '55000', '42P01'])

/** Whether the error only says that others are in the way now, so that a later try may go through. */
export function isHeldUp(error: unknown): error is { readonly code: string; readonly message: string } {
  return heldUp.has((error as { code?: string }).code ?? '')
}

/**
 * Runs PL/pgSQL statements as one transaction that waits for no lock as long as the deadlock detector does: in a deadlock
 * it is always this one that gives way. False where it was held up and has changed nothing.
 */
export async function tryBriefly(sql: Sql, statements: string): Promise<boolean> {
  const block = `do $brief$ begin
    perform set_config('lock_timeout',
      least(500, extract(epoch from current_setting('deadlock_timeout')::interval) * 700)::int::text, true);
    ${statements}
  end $brief$`
  try {
    await sql.query(block)
    return true
  } catch (error) {
    if (isHeldUp(error)) return false
    throw error
  }
}
