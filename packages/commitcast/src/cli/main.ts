#!/usr/bin/env node
import { explainFailure } from './explain-failure.ts'
import { createProgram } from './program.ts'

try {
  await createProgram().parseAsync()
} catch (error) {
  const { exitCode, words } = explainFailure(error)
  if (words !== undefined) process.stderr.write(`${words}\n`)
  process.exitCode = exitCode
}
