// Files that the page hands to the person.

import { download } from '../../lib/api';
import type { Id } from '../../lib/types';

/** save has the browser keep a file under a name. */
export function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** saveCalendar saves the meeting that is announced in a room as a file for a calendar. */
export const saveCalendar = async (room: Id): Promise<void> => save(await download(`/file/${room}.ics`), 'stoa.ics');
