// Whether the list of keys is shown: asked for by a key on any screen, and by menus.

export const help = $state({ open: false });
