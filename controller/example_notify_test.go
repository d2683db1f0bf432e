package controller_test

import (
	"fmt"
	"os"

	"github.com/dogear-go/dogear/controller"
)

// A program that is run by hand listens to signals; a pause may come from elsewhere too.
func ExampleNotify() {
	c := controller.Notify(controller.Config{Out: os.Stdout, Resume: "novel --resume Ten_Chapter_Novel"})
	c.PauseBy("pause file", "")
	<-c.Draining()
	_ = c.Close()
	fmt.Println(c.State(), "by", c.By())
	// Output:
	// Pausing (pause file): calls in flight finish and are recorded. Press Ctrl+C again to cancel them.
	// To go on later: novel --resume Ten_Chapter_Novel
	// draining by pause file
}
