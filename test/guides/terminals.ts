import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { eventually } from '../fixtures/eventually.ts'

/** Whoever runs a guide's commands: some end, some keep a terminal of their own. All that they print is noted in one list of lines. */
export function openTerminals(folder: string, variables: Readonly<Record<string, string>>) {
  const lines: string[] = []
  const running = new Map<string, ChildProcess>()
  let seen = 0

  const start = (command: string) => {
    // A group of its own, because a shell does not hand a signal on.
    const child = spawn('sh', ['-c', command], {
      cwd: folder,
      env: { ...ownEnvironment(), ...variables },
      detached: true,
    })
    for (const stream of [child.stdout, child.stderr]) noteLines(stream, (line) => lines.push(line))
    return child
  }
  const kill = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    process.kill(-child.pid!, 'SIGKILL')
    await exited
  }
  return {
    lines,
    /** Runs a command to its end. Throws where it fails, or takes more than two minutes. */
    async run(command: string) {
      const child = start(command)
      const late = setTimeout(kill, 120_000, child)
      const [code] = await once(child, 'close')
      clearTimeout(late)
      if (code !== 0) throw new Error(`${command} ended with ${code}:\n${lines.slice(-30).join('\n')}`)
    },
    /** Starts a command that keeps running; with `replaces`, in place of the one that is running under the same words. */
    async keepRunning(command: string, { replaces = false } = {}) {
      const old = running.get(command)
      if (replaces && old) await kill(old)
      running.set(command, start(command))
    },
    /** Waits until these lines were printed, in this order, after those that were seen before; others may stand between. */
    async see(expected: readonly string[]) {
      for (const line of expected) {
        seen = await eventually(() => {
          const at = lines.findIndex((printed, index) => index >= seen && fits(printed, line))
          if (at === -1) throw new Error(`Nobody printed ${JSON.stringify(line)}:\n${lines.slice(-30).join('\n')}`)
          return at + 1
        })
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running.values()].map(kill))
    },
  }
}

/** Without what npm and the test runner tell their own children; with the Node that runs this test. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const theirs = /^(npm_(?!config_(registry|cache|userconfig)$)|VITEST|NODE_(ENV|OPTIONS)$|INIT_CWD|FORCE_COLOR)/
  const own = Object.entries(process.env).filter(([name]) => !theirs.test(name))
  return { ...Object.fromEntries(own), PATH: `${dirname(process.execPath)}:${process.env.PATH}`, NO_COLOR: '1' }
}

function noteLines(stream: NodeJS.ReadableStream, note: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + stripVTControlCharacters(text)).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) note(line)
  })
}

function fits(printed: string, expected: string): boolean {
  const parts = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(printed)
}
