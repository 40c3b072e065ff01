// Whose a file is, where the folder for temporary files is each person's own.

//go:build !unix

package app

import "io/fs"

func ownedByMe(fs.FileInfo) bool { return true }
