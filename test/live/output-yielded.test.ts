import { testOutput } from './output-contract.ts'

testOutput('yielded')
