// deadline: 300 s
import { readdirSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readScenarios } from '../sim/scenario.js'
import { runScenario } from '../sim/scenario-run.js'

// This file is compiled to test/dist/scenarios/scenarios.test.js.
const directory = new URL('../../scenarios/', import.meta.url)
const files = readdirSync(directory)
  .filter(file => file.endsWith('.txt'))
  .sort()

/** Other seeds draw other delays, and another order of what happens at the same moment. */
const SEEDS = [1, 2]

for (const file of files) {
  const test = suite(file)
  for (const scenario of readScenarios(`test/scenarios/${file}`, readFileSync(new URL(file, directory), 'utf8'))) {
    test(scenario.title, async () => {
      for (const seed of SEEDS) await runScenario(scenario, seed)
    })
  }
  test.run()
}

const all = suite('scenarios')

all('there are files', () => assert.ok(files.length > 0))

all.run()
