// Package workflowtest tests pipelines: a scripted model; a sweep that crashes a pipeline at every event, and proves that it
// resumes to the same results without paying twice; and many runs at once in one process.
package workflowtest
