import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RecentReports } from '../src/recent-reports.js'

const recentReports = suite('recent-reports')

recentReports('tell once, and again after ten minutes', () => {
  const reports = new RecentReports()
  assert.ok(reports.isNew('a', 0))
  assert.not(reports.isNew('a', 599_999))
  assert.ok(reports.isNew('b', 599_999))
  assert.ok(reports.isNew('a', 600_000))
  assert.not(reports.isNew('a', 600_001))
})

recentReports('forget the oldest of very many', () => {
  const reports = new RecentReports()
  for (let i = 0; i <= 256; i++) assert.ok(reports.isNew(String(i), i))
  assert.not(reports.isNew('256', 300))
  assert.not(reports.isNew('1', 300))
  assert.ok(reports.isNew('0', 300))
})

recentReports.run()
