/* A stand-in for the CUDA runtime, to be preloaded: one device that computes nothing.

   Memory is the host's and kernels are not run. Streams, events and captures keep their state, and whoever breaks the
   rules of stream capture gets the error that CUDA gives: that is what the tests are about. The rules are those of the
   "CUDA Graphs" chapter of the CUDA C++ Programming Guide, for a capture in global mode.

   No locks: torch's backward threads work while the thread that called them waits. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cuda_runtime_api.h>

enum { MOST_STREAMS = 4096, FIRST_HANDLE = 4096 };
#define GIGABYTES(n) ((size_t)(n) << 30)
#define A_GRAPH ((cudaGraph_t)1)
#define AN_EXECUTABLE ((cudaGraphExec_t)1)

typedef struct {
    unsigned long long capture; /* the capture that this stream is part of, 0 for none */
    int unjoined;               /* has left the capture's first stream and not come back */
} Stream;

typedef struct {
    int stream;
    unsigned long long capture;
} Event;

static Stream streams[MOST_STREAMS]; /* 0 is the default stream */
static int stream_count = 1;
static unsigned long long capture_count;
static int origin; /* the stream that is captured, 0 for none */
static int invalidated;
static __thread cudaError_t last_error;

static int number_of(cudaStream_t handle) {
    long number = (long)handle - FIRST_HANDLE;
    return number > 0 && number < MOST_STREAMS ? (int)number : 0;
}

static cudaError_t answer(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}

/* What is forbidden while capturing ends the capture as well. */
static cudaError_t forbidden(const char *what, cudaError_t error) {
    fprintf(stderr, "stand-in: %s: %s\n", what, cudaGetErrorName(error));
    invalidated = 1;
    return answer(error);
}

static cudaError_t unless_capturing(const char *what) {
    return origin ? forbidden(what, cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}

/* The device */

cudaError_t cudaGetDeviceCount(int *count) { *count = 1; return cudaSuccess; }
cudaError_t cudaGetDevice(int *device) { *device = 0; return cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return device ? answer(cudaErrorInvalidDevice) : cudaSuccess; }
cudaError_t cudaDriverGetVersion(int *version) { *version = CUDART_VERSION; return cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int *version) { *version = CUDART_VERSION; return cudaSuccess; }
cudaError_t cudaDeviceSynchronize(void) { return unless_capturing("cudaDeviceSynchronize"); }

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device) {
    (void)device;
    memset(properties, 0, sizeof *properties);
    strcpy(properties->name, "stand-in");
    properties->totalGlobalMem = GIGABYTES(80);
    properties->major = 9;
    properties->multiProcessorCount = 132;
    properties->warpSize = 32;
    properties->maxThreadsPerBlock = 1024;
    properties->maxThreadsPerMultiProcessor = 2048;
    properties->sharedMemPerBlock = 48 << 10;
    properties->sharedMemPerBlockOptin = 227 << 10;
    properties->sharedMemPerMultiprocessor = 228 << 10;
    properties->regsPerMultiprocessor = 65536;
    for (int axis = 0; axis < 3; axis++) {
        properties->maxThreadsDim[axis] = axis < 2 ? 1024 : 64;
        properties->maxGridSize[axis] = axis < 1 ? 2147483647 : 65535;
    }
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
    (void)device;
    *value = attribute == cudaDevAttrComputeCapabilityMajor ? 9 : 0;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
    if (least) *least = 0;
    if (greatest) *greatest = -5;
    return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer) {
    (void)device, (void)peer;
    *can = 0;
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void) {
    cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}
cudaError_t cudaPeekAtLastError(void) { return last_error; }

/* Memory and kernels */

cudaError_t cudaMalloc(void **place, size_t bytes) {
    *place = aligned_alloc(512, (bytes + 511) / 512 * 512);
    return *place ? cudaSuccess : answer(cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void *place) { free(place); return cudaSuccess; }
cudaError_t cudaHostAlloc(void **place, size_t bytes, unsigned flags) { (void)flags; return cudaMalloc(place, bytes); }
cudaError_t cudaFreeHost(void *place) { return cudaFree(place); }

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    *free_bytes = GIGABYTES(79);
    *total = GIGABYTES(80);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
    (void)kind, (void)stream;
    memmove(to, from, bytes);
    return cudaSuccess;
}
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
    cudaError_t error = unless_capturing("cudaMemcpy");
    return error == cudaSuccess ? cudaMemcpyAsync(to, from, bytes, kind, NULL) : error;
}
cudaError_t cudaMemsetAsync(void *place, int value, size_t bytes, cudaStream_t stream) {
    (void)stream;
    memset(place, value, bytes);
    return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *place) {
    (void)place;
    memset(attributes, 0, sizeof *attributes);
    attributes->type = cudaMemoryTypeDevice;
    return cudaSuccess;
}

cudaError_t cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **arguments, size_t shared,
                             cudaStream_t stream) {
    (void)kernel, (void)grid, (void)block, (void)arguments, (void)shared, (void)stream;
    return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *kernel) {
    (void)kernel;
    memset(attributes, 0, sizeof *attributes);
    attributes->maxThreadsPerBlock = 1024;
    return cudaSuccess;
}

/* Streams and events */

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority) {
    (void)flags, (void)priority;
    if (stream_count == MOST_STREAMS) return answer(cudaErrorMemoryAllocation);
    *stream = (cudaStream_t)(long)(FIRST_HANDLE + stream_count++);
    return cudaSuccess;
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int *priority) {
    (void)stream;
    *priority = 0;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    return streams[number_of(stream)].capture ? unless_capturing("cudaStreamSynchronize") : cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
    return streams[number_of(stream)].capture ? unless_capturing("cudaStreamQuery") : cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    (void)flags;
    *event = calloc(1, sizeof(Event));
    return *event ? cudaSuccess : answer(cudaErrorMemoryAllocation);
}
cudaError_t cudaEventCreate(cudaEvent_t *event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t event) { free(event); return cudaSuccess; }
cudaError_t cudaEventQuery(cudaEvent_t event) { (void)event; return unless_capturing("cudaEventQuery"); }
cudaError_t cudaEventSynchronize(cudaEvent_t event) { (void)event; return unless_capturing("cudaEventSynchronize"); }

cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream) {
    Event *event = (Event *)handle;
    event->stream = number_of(stream);
    event->capture = streams[event->stream].capture;
    return cudaSuccess;
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
    (void)flags;
    return cudaEventRecord(event, stream);
}

/* Waiting for a captured event takes a stream into the capture, and what it waited for has been joined. */
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t handle, unsigned flags) {
    (void)flags;
    Event *event = (Event *)handle;
    int number = number_of(stream);
    if (origin && event->capture == capture_count) {
        if (number == 0) return forbidden("the default stream waits for a capture", cudaErrorStreamCaptureImplicit);
        streams[number].capture = event->capture;
        streams[number].unjoined = number != origin;
        if (event->stream != number) streams[event->stream].unjoined = 0;
    } else if (streams[number].capture) {
        return forbidden("a captured stream waits for what is not captured", cudaErrorStreamCaptureIsolation);
    }
    return cudaSuccess;
}

/* Captures and graphs */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
    (void)mode;
    if (number_of(stream) == 0) return answer(cudaErrorStreamCaptureUnsupported);
    if (origin) return answer(cudaErrorIllegalState);
    origin = number_of(stream);
    invalidated = 0;
    streams[origin].capture = ++capture_count;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    cudaError_t error = number_of(stream) == origin ? cudaSuccess : cudaErrorStreamCaptureUnmatched;
    for (int number = 0; number < stream_count; number++) {
        if (streams[number].unjoined) error = cudaErrorStreamCaptureUnjoined;
        streams[number] = (Stream){0};
    }
    if (invalidated) error = cudaErrorStreamCaptureInvalidated;
    origin = 0;
    *graph = error == cudaSuccess ? A_GRAPH : NULL;
    return answer(error);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
    int captured = streams[number_of(stream)].capture != 0;
    *status = !captured    ? cudaStreamCaptureStatusNone
              : invalidated ? cudaStreamCaptureStatusInvalidated
                            : cudaStreamCaptureStatusActive;
    return cudaSuccess;
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, enum cudaStreamCaptureStatus *status, unsigned long long *id,
                                     cudaGraph_t *graph, const cudaGraphNode_t **nodes, const cudaGraphEdgeData **edges,
                                     size_t *count) {
    if (id) *id = streams[number_of(stream)].capture;
    if (graph) *graph = A_GRAPH;
    if (nodes) *nodes = NULL;
    if (edges) *edges = NULL;
    if (count) *count = 0;
    return cudaStreamIsCapturing(stream, status);
}

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode) { (void)mode; return cudaSuccess; }

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) {
    (void)graph, (void)nodes;
    *count = 1;
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long flags) {
    (void)graph, (void)flags;
    *executable = AN_EXECUTABLE;
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
    (void)executable, (void)stream;
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { (void)graph; return cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) { (void)executable; return cudaSuccess; }

/* The driver, which torch asks whether the device is in use already; this library goes by its name too. */

int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
    (void)device;
    *flags = 0;
    *active = 1;
    return 0;
}
