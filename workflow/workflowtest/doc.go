// Package workflowtest tests pipelines: a scripted model, and a sweep that crashes a pipeline at every event and proves
// that it resumes to the same results without paying twice.
package workflowtest
