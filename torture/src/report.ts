import type { PurchasesVerdict } from './checker/check-purchases.ts'
import type { ReadSideVerdict } from './checker/check-read-side.ts'
import type { ClientsFound } from './clients.ts'
import type { Options } from './options.ts'
import type { Outcome } from './run-torture.ts'

/** A run in numbers; with these names it is the line of JSON. */
export interface Report {
  readonly seed: number
  readonly committed: number
  readonly stored: number
  readonly lost: number
  readonly phantom: number
  readonly duplicated: number
  readonly outOfOrder: number
  readonly gaps: number
  /** Epochs of the topic, and messages of those that have ended which are not ours, or stand in a later one. */
  readonly epochs: number
  readonly abandoned: number
  readonly takeovers: number
  readonly conflicts: number
  readonly resumedMidChunk: number
  readonly refilled: number
  /** Processes that ended without having been asked. */
  readonly crashes: number
  readonly faults: Outcome['faults']
  /** With stream: what the live topic, the projection and the handler suffered. */
  readonly live?: ReadSideVerdict['live']
  readonly projectionDrift?: number
  readonly handlerMissed?: number
  readonly handlerRepeated?: number
  readonly webhookMissed?: number
  readonly webhookRepeated?: number
  readonly liveRefilled?: number
  readonly groupTakeovers?: ReadSideVerdict['groupTakeovers']
  /** With live: what the clients suffered. */
  readonly clients?: Omit<ClientsFound, 'examples'>
  /** With processes: what the purchases suffered, and what became of them. */
  readonly processes?: PurchasesVerdict
  readonly sabotage?: string
  readonly damaged?: boolean
  /** With strays: how often a partition was reported as diverged. */
  readonly diverged?: number
}

/** Puts together what the checker found and what the relays told. */
export function reportOf(
  { seed, sabotage, strays }: Options,
  { verdict, news, faults, crashes, clients: found }: Outcome,
): Report {
  const {
    committed,
    stored,
    lost,
    phantom,
    duplicated,
    outOfOrder,
    gaps,
    takeovers,
    refills,
    epochs,
    abandoned,
    readSide,
    purchases: processes,
  } = verdict
  const { conflicts, resumedMidChunk, refilled } = news
  const damage = { lost, phantom, duplicated, outOfOrder, gaps }
  const clients = found && withoutExamples(found)
  const parts = { ...(clients && { clients }), ...(processes && { processes }) }
  return {
    seed,
    committed,
    stored,
    ...damage,
    epochs,
    abandoned,
    takeovers,
    conflicts,
    resumedMidChunk,
    refilled: Math.max(refilled, refills),
    crashes: crashes.length,
    faults,
    ...readSide,
    ...parts,
    ...(sabotage && { sabotage, damaged: isDamaged({ ...damage, ...readSide, ...parts }) }),
    ...(strays && { diverged: news.stoodStill }),
  }
}

type Wrong =
  | 'lost'
  | 'phantom'
  | 'duplicated'
  | 'outOfOrder'
  | 'gaps'
  | 'live'
  | 'clients'
  | 'processes'
  | WrongInGroups
type WrongInGroups = 'projectionDrift' | 'handlerMissed' | 'webhookMissed'
type Counts = Pick<Report, Wrong>

function withoutExamples({ examples: _, ...counts }: ClientsFound): Omit<ClientsFound, 'examples'> {
  return counts
}

/** Whether anything at all is wrong. */
function isDamaged({
  lost,
  phantom,
  duplicated,
  outOfOrder,
  gaps,
  live,
  clients,
  processes,
  ...counts
}: Counts): boolean {
  const { projectionDrift = 0, handlerMissed = 0, webhookMissed = 0 } = counts
  const told = live ? live.lost + live.duplicated + live.outOfOrder : 0
  const got = clients ? clients.lost + clients.duplicated + clients.outOfOrder + clients.resyncs + clients.silent : 0
  const stored = lost + phantom + duplicated + outOfOrder + gaps
  return stored + told + projectionDrift + handlerMissed + webhookMissed + got > 0 || hasBoughtWrong(processes)
}

function hasBoughtWrong(processes: PurchasesVerdict | undefined): boolean {
  if (!processes) return false
  const { lost, twice, stuck, firedAfterCancel, conserved } = processes
  return lost + twice + stuck + firedAfterCancel > 0 || !conserved
}

/** Whether a run showed what it was to show: no damage and no crash; with a sabotage some; with strays that somebody noticed. */
export function isAsExpected(report: Report): boolean {
  if (report.diverged !== undefined) return report.diverged > 0 && report.duplicated + report.outOfOrder === 0
  if (report.sabotage !== undefined) return isDamaged(report)
  return !isDamaged(report) && report.crashes === 0
}

/** The report for people. */
export function tableOf({ faults, ...rest }: Report): string {
  const rows = [...Object.entries(rest), ...Object.entries(faults)].flatMap(([name, value]) =>
    typeof value === 'object'
      ? Object.entries(value).map(([part, count]) => [`${name}.${part}`, count])
      : [[name, value]],
  )
  return rows.map(([name, value]) => `${String(name).padEnd(22)} ${String(value).padStart(9)}`).join('\n')
}
