#!/usr/bin/env node
import { existsSync } from 'node:fs'

const main = new URL('../dist/src/cli/main.js', import.meta.url)
if (existsSync(main)) await import(main.href)
else {
  console.error('tallymesh is not built yet; in a checkout, run: npm run build')
  process.exitCode = 1
}
