import { execFile } from 'node:child_process'
import { behindGate, openGate } from './gate.ts'

export interface RunOptions {
  readonly timeoutMs: number
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
  readonly cwd?: string
  /** Told the number of the process before it does anything. */
  readonly watch?: (pid: number) => unknown
}

/** Runs a program to its end and gives what it printed. An error holds the last lines that it printed. */
export async function runProgram(program: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { timeoutMs, watch, env, ...rest } = options
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const limits = { timeout: Math.ceil(timeoutMs), killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 } as const
  const child = execFile(
    ...behindGate(program, args),
    { ...limits, ...rest, ...(env && { env }) },
    (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else
        reject(new Error(`${program} ${fate(error, timeoutMs)}${lastLines(`${stdout}\n${stderr}`)}`, { cause: error }))
    },
  )
  if (child.pid !== undefined) watch?.(child.pid)
  openGate(child)
  return promise
}

function fate({ code, killed, message }: Error & { code?: unknown; killed?: boolean }, timeoutMs: number): string {
  if (killed === true) return `was not done after ${Math.round(timeoutMs / 1000)} s`
  return typeof code === 'number' ? `failed with exit code ${code}` : `could not run: ${message}`
}

function lastLines(output: string): string {
  const lines = output.trim().split('\n').slice(-10).join('\n  | ')
  return lines === '' ? '' : `:\n  | ${lines}`
}
