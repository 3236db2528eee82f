import type { Health } from './health.ts'
import type { LastingTrouble } from './trouble.ts'

/**
 * The health of a worker that holds partitions: the trouble of the whole, then that of each partition, in words and as a code.
 * `since` is when the first of them began.
 */
export function partitionsHealth(
  whole: LastingTrouble | undefined,
  partitions: ReadonlyMap<number, LastingTrouble | undefined>,
): Health {
  const troubled = [...partitions].flatMap(([partition, trouble]) => (trouble ? [[partition, trouble] as const] : []))
  const times = [whole, ...troubled.map(([, trouble]) => trouble)].flatMap((trouble) => trouble?.since ?? [])
  return {
    ready: times.length === 0,
    partitions: [...partitions.keys()],
    ...(whole && { trouble: whole.message, code: whole.code }),
    ...(troubled.length > 0 && {
      troubles: Object.fromEntries(troubled.map(([partition, { message }]) => [partition, message])),
      codes: Object.fromEntries(troubled.map(([partition, { code }]) => [partition, code])),
    }),
    ...(times.length > 0 && { since: new Date(Math.min(...times)).toISOString() }),
  }
}
