import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** The pids of living processes, other than this one, that name `folder` in their environment or command line. */
export async function findProcesses(folder: string): Promise<number[]> {
  if (process.platform !== 'linux') return findByPs(folder)
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [environment, command] = await Promise.all(
        ['environ', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
      )
      return `${environment}\0${command}`.includes(folder) ? [Number(pid)] : []
    }),
  )
  return found.flat()
}

async function findByPs(folder: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['eww', '-ax', '-o', 'pid=,command='])
  const lines = stdout.split('\n').filter((line) => line.includes(folder))
  return lines.map((line) => Number.parseInt(line, 10)).filter((pid) => pid !== process.pid)
}
