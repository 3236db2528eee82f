import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const web = fileURLToPath(new URL('../../web', import.meta.url))
const dist = join(web, 'dist')

/** Builds the web pages where they are missing or older than their sources. Several processes may call it at once. */
export async function buildPages(): Promise<void> {
  if (areBuilt()) return
  const draft = join(web, 'node_modules', `.pages-${process.pid}`)
  await runVite('build', '--logLevel', 'warn', '--outDir', draft, '--emptyOutDir')
  try {
    if (!areBuilt()) {
      rmSync(dist, { recursive: true, force: true })
      renameSync(draft, dist)
    }
  } catch (error) {
    // Another process was faster.
    if (!areBuilt()) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

function areBuilt(): boolean {
  const built = join(dist, 'index.html')
  return existsSync(built) && statSync(built).mtimeMs > newestSource()
}

async function runVite(...args: readonly string[]): Promise<void> {
  const vite = join(dirname(createRequire(join(web, 'package.json')).resolve('vite/package.json')), 'bin/vite.js')
  const child = spawn(process.execPath, [vite, ...args], { cwd: web, stdio: ['ignore', 'pipe', 'pipe'] })
  let words = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      words += text
    })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`Building the pages failed (vite ended with ${code}):\n${words.slice(-4_000)}`)
}

function newestSource(): number {
  const sources = globSync(['index.html', 'vite.config.ts', 'src/**/*', '../../packages/{client,events}/src/**/*'], {
    cwd: web,
  })
  return Math.max(...sources.map((source) => statSync(join(web, source)).mtimeMs))
}
