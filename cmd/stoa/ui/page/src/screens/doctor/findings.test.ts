import { expect, test } from 'vitest';
import { worst, type Finding } from './findings';

const of = (...verdicts: Finding['verdict'][]) => verdicts.map((verdict): Finding => ({ check: '', verdict, code: '', text: '' }));

test('all is as bad as the worst of it', () => {
  expect(worst(of('fine', 'worth knowing', 'broken', 'fine'))).toBe('broken');
  expect(worst(of('fine', 'worth knowing'))).toBe('worth knowing');
  expect(worst(of('fine'))).toBe('fine');
  expect(worst([])).toBe('fine');
});
