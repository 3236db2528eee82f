import { execFile } from 'node:child_process'

/** Runs `docker` with these words and resolves with what it says; its error holds the last lines of that. */
export async function docker(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const options = { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...environment } }
  execFile('docker', words, options, (error, stdout, stderr) => {
    if (!error) return resolve(stdout.trim())
    const lastLines = `${stdout}${stderr}`.trimEnd().split('\n').slice(-60).join('\n')
    reject(new Error(`docker ${words.join(' ')} failed (${error.code}):\n${lastLines}`))
  })
  return promise
}
