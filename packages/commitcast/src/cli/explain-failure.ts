import { CommitcastError } from '@commitcast/events'
import { isOutage } from '@commitcast/worker'
import { CommanderError } from 'commander'
import { InvalidConfig } from '../process/invalid-config.ts'

/** A command that was called rightly and could not do its work; the message says why. */
export class CommandFailed extends CommitcastError {
  override readonly name = 'CommandFailed'
  readonly code = 'COMMAND_FAILED'
}

export interface Explanation {
  /** 0 all is well, 1 a server failed or refused, 2 called in a way that can't work. */
  readonly exitCode: 0 | 1 | 2
  /** What is left to say on standard error. */
  readonly words?: string
}

/** What to say of an error that ended a command. Only an unforeseen one is shown with its stack. */
export function explainFailure(error: unknown): Explanation {
  if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : 2 }
  if (error instanceof InvalidConfig) return { exitCode: 2, words: error.message }
  if (isWrongAddress(error)) return { exitCode: 2, words: wrongAddress(error) }
  if (error instanceof CommandFailed) return { exitCode: 1, words: error.message }
  if (isUnreachable(error)) {
    return {
      exitCode: 1,
      words: `The database does not answer: ${messageOf(error)}. Does it run, and is DATABASE_URL, or --database, right?`,
    }
  }
  if (sqlState(error) !== undefined) {
    return { exitCode: 1, words: `The database refused: ${messageOf(error)} (SQLSTATE ${sqlState(error)}).` }
  }
  return { exitCode: 1, words: error instanceof Error ? String(error.stack) : String(error) }
}

/** Postgres is there and knows no such user, password or database. */
export function isWrongAddress(error: unknown): error is Error {
  return /^(28|3D)/.test(sqlState(error) ?? '')
}

export function wrongAddress(error: Error): string {
  return `DATABASE_URL, or --database, was refused: ${messageOf(error)}. Fix its user, password or database.`
}

/** An error's message; where there were several addresses to try, that of each. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')
}

function isUnreachable(error: unknown): boolean {
  return (
    isOutage(error) ||
    (error as { code?: unknown }).code === 'ENOTFOUND' ||
    /^Query read timeout/.test(messageOf(error))
  )
}

function sqlState(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}
