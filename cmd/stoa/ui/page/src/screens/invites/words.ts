// The terms of a link in words.

import { ago, n, t } from '../../lib/i18n.svelte';
import type { Invite } from '../../lib/types';
import { short } from '../parts/names';

/** termsText says what a link gives to whom, until when and how often. */
export function termsText(i: Invite): string {
  const parts = [t(`link.role.${i.role}`)];
  if (i.for) parts.push(t('link.for', { who: i.for.length > 40 ? short(i.for) : i.for }));
  if (i.uses) parts.push(n('link.uses', i.uses, { used: i.used ?? 0 }));
  else if (i.used) parts.push(n('link.used', i.used));
  if (i.state === 'open') parts.push(i.expires_ms ? t('link.until', { ago: ago(i.expires_ms) }) : t('link.forever'));
  return parts.join(' · ');
}
