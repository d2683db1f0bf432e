package progress

import (
	"os"

	"golang.org/x/sys/windows"
)

// prepare makes a console understand the terminal's sequences; false: it can't. They stay understood: a program that
// does not use them is not hurt, and one that is killed leaves nothing to be mended.
func prepare(f *os.File) bool {
	var mode uint32
	handle := windows.Handle(f.Fd())
	if windows.GetConsoleMode(handle, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}

// resumed has nothing to listen for here.
type resumed struct{}

func (resumed) listen(func()) {}
func (resumed) unlisten()     {}
