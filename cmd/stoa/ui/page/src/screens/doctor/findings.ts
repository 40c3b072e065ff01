// What the verb `doctor` finds. Pure.

export interface Finding {
  check: string;
  verdict: 'fine' | 'worth knowing' | 'broken';
  code: string; // of the sentence
  text: string; // the sentence in English
  do?: string; // what to do about it, in English
  about?: string; // names and numbers that belong to it, the same in every language
}

/** worst is how bad the worst of all findings is. */
export function worst(findings: readonly Finding[]): Finding['verdict'] {
  const has = (verdict: Finding['verdict']) => findings.some((f) => f.verdict === verdict);
  return has('broken') ? 'broken' : has('worth knowing') ? 'worth knowing' : 'fine';
}
