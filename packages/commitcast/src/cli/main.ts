#!/usr/bin/env node
import { nodeTooOld } from '../node-too-old.ts'

const words = nodeTooOld()
if (words !== undefined) {
  process.stderr.write(`${words}\n`)
  process.exitCode = 2
} else {
  // Not imported above: what it needs an older Node may not have.
  const { runProgram } = await import('./run-program.ts')
  await runProgram()
}
