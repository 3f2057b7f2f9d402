// Compiles compute shaders with a Vulkan driver and prints what its compiler reports; nothing is run.
//
// usage: pipeline-stats NAME [LANES] < LIST
// With LANES, shaders may use subgroup matrices (VK_KHR_cooperative_matrix), and subgroups have so many lanes.
// A line of LIST is "FILE.spv ENTRY BINDINGS": BINDINGS has a letter for each binding of set 0, s for a storage buffer and u
// for a uniform one. For each line, a line of JSON comes out: the device, the file, the compiler's statistics by name. The
// assembly is written to FILE.spv.NAME.isa where the driver gives it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

static void check(VkResult result, const char *what) {
  if (result == VK_SUCCESS) return;
  fprintf(stderr, "%s failed: VkResult %d\n", what, result);
  exit(1);
}

static VkPhysicalDevice first_device(void) {
  VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_3};
  VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
  VkInstance instance;
  check(vkCreateInstance(&info, NULL, &instance), "vkCreateInstance");
  uint32_t count = 1;
  VkPhysicalDevice device = VK_NULL_HANDLE;
  VkResult result = vkEnumeratePhysicalDevices(instance, &count, &device);
  if (count == 0 || (result != VK_SUCCESS && result != VK_INCOMPLETE)) {
    fprintf(stderr, "the driver shows no device\n");
    exit(1);
  }
  return device;
}

// As in Vulkan 1.3.255: older headers have neither.
#define MATRIX_EXTENSION "VK_KHR_cooperative_matrix"
#define MATRIX_FEATURES ((VkStructureType)1000506000)

static VkDevice open_device(VkPhysicalDevice physical, int matrices) {
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR reports = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR};
  VkPhysicalDeviceVulkan13Features v13 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES, .pNext = &reports};
  VkPhysicalDeviceVulkan12Features v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &v13};
  VkPhysicalDeviceVulkan11Features v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &v12};
  VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &v11};
  vkGetPhysicalDeviceFeatures2(physical, &features);
  if (!reports.pipelineExecutableInfo) {
    fprintf(stderr, "the driver does not report on pipelines (VK_KHR_pipeline_executable_properties)\n");
    exit(1);
  }
  struct {
    VkStructureType type;
    void *next;
    VkBool32 matrix, robust;
  } matrix_features = {MATRIX_FEATURES, NULL, VK_TRUE, VK_FALSE};
  if (matrices) reports.pNext = &matrix_features;
  float priority = 1;
  VkDeviceQueueCreateInfo queue = {
      .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1, .pQueuePriorities = &priority};
  const char *extensions[] = {"VK_KHR_pipeline_executable_properties", MATRIX_EXTENSION};
  VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                             .pNext = &features,
                             .queueCreateInfoCount = 1,
                             .pQueueCreateInfos = &queue,
                             .enabledExtensionCount = matrices ? 2 : 1,
                             .ppEnabledExtensionNames = extensions};
  VkDevice device;
  check(vkCreateDevice(physical, &info, NULL, &device), "vkCreateDevice");
  return device;
}

static VkPipelineLayout make_layout(VkDevice device, const char *bindings) {
  uint32_t count = strlen(bindings);
  VkDescriptorSetLayoutBinding *entries = calloc(count + 1, sizeof *entries);
  for (uint32_t i = 0; i < count; i++) {
    entries[i].binding = i;
    entries[i].descriptorType = bindings[i] == 'u' ? VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    entries[i].descriptorCount = 1;
    entries[i].stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
  }
  VkDescriptorSetLayoutCreateInfo set_info = {
      .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = count, .pBindings = entries};
  VkDescriptorSetLayout set;
  check(vkCreateDescriptorSetLayout(device, &set_info, NULL, &set), "vkCreateDescriptorSetLayout");
  VkPipelineLayoutCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = 1, .pSetLayouts = &set};
  VkPipelineLayout layout;
  check(vkCreatePipelineLayout(device, &info, NULL, &layout), "vkCreatePipelineLayout");
  free(entries);
  return layout;
}

static VkShaderModule make_module(VkDevice device, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  fseek(file, 0, SEEK_END);
  size_t size = ftell(file);
  rewind(file);
  uint32_t *code = malloc(size);
  if (fread(code, 1, size, file) != size) {
    fprintf(stderr, "%s: cannot be read\n", path);
    exit(1);
  }
  fclose(file);
  VkShaderModuleCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = size, .pCode = code};
  VkShaderModule module;
  check(vkCreateShaderModule(device, &info, NULL, &module), "vkCreateShaderModule");
  free(code);
  return module;
}

static void print_value(const VkPipelineExecutableStatisticKHR *statistic) {
  switch (statistic->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
      printf("%s", statistic->value.b32 ? "true" : "false");
      break;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
      printf("%lld", (long long)statistic->value.i64);
      break;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR:
      printf("%g", statistic->value.f64);
      break;
    default:
      printf("%llu", (unsigned long long)statistic->value.u64);
  }
}

// The last of the driver's texts, from its own first form to what the device runs.
static void write_assembly(VkDevice device, const VkPipelineExecutableInfoKHR *executable, const char *path, const char *suffix) {
  PFN_vkGetPipelineExecutableInternalRepresentationsKHR get = (PFN_vkGetPipelineExecutableInternalRepresentationsKHR)
      vkGetDeviceProcAddr(device, "vkGetPipelineExecutableInternalRepresentationsKHR");
  uint32_t count = 0;
  check(get(device, executable, &count, NULL), "vkGetPipelineExecutableInternalRepresentationsKHR");
  VkPipelineExecutableInternalRepresentationKHR *texts = calloc(count + 1, sizeof *texts);
  for (uint32_t i = 0; i < count; i++)
    texts[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR;
  // Called twice: for the sizes, then for the texts.
  check(get(device, executable, &count, texts), "vkGetPipelineExecutableInternalRepresentationsKHR");
  for (uint32_t i = 0; i < count; i++) texts[i].pData = malloc(texts[i].dataSize + 1);
  check(get(device, executable, &count, texts), "vkGetPipelineExecutableInternalRepresentationsKHR");
  if (count > 0 && texts[count - 1].isText) {
    char name[4096];
    snprintf(name, sizeof name, "%s.%s.isa", path, suffix);
    FILE *file = fopen(name, "wb");
    if (!file) {
      perror(name);
      exit(1);
    }
    fwrite(texts[count - 1].pData, 1, strnlen(texts[count - 1].pData, texts[count - 1].dataSize), file);
    fclose(file);
  }
  for (uint32_t i = 0; i < count; i++) free(texts[i].pData);
  free(texts);
}

static void report(VkDevice device, const char *name, VkPipeline pipeline, const char *path, const char *suffix) {
  PFN_vkGetPipelineExecutablePropertiesKHR get_properties = (PFN_vkGetPipelineExecutablePropertiesKHR)vkGetDeviceProcAddr(
      device, "vkGetPipelineExecutablePropertiesKHR");
  PFN_vkGetPipelineExecutableStatisticsKHR get_statistics = (PFN_vkGetPipelineExecutableStatisticsKHR)vkGetDeviceProcAddr(
      device, "vkGetPipelineExecutableStatisticsKHR");
  VkPipelineInfoKHR of = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline};
  uint32_t executables = 1;
  VkPipelineExecutablePropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
  check(get_properties(device, &of, &executables, &properties), "vkGetPipelineExecutablePropertiesKHR");
  VkPipelineExecutableInfoKHR executable = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline};
  uint32_t count = 0;
  check(get_statistics(device, &executable, &count, NULL), "vkGetPipelineExecutableStatisticsKHR");
  VkPipelineExecutableStatisticKHR *statistics = calloc(count + 1, sizeof *statistics);
  for (uint32_t i = 0; i < count; i++) statistics[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
  check(get_statistics(device, &executable, &count, statistics), "vkGetPipelineExecutableStatisticsKHR");
  printf("{\"device\":\"%s\",\"file\":\"%s\",\"Subgroup size\":%u", name, path, properties.subgroupSize);
  for (uint32_t i = 0; i < count; i++) {
    printf(",\"%s\":", statistics[i].name);
    print_value(&statistics[i]);
  }
  printf("}\n");
  fflush(stdout);
  free(statistics);
  write_assembly(device, &executable, path, suffix);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) {
    fprintf(stderr, "usage: pipeline-stats NAME [LANES] < LIST\n");
    return 2;
  }
  VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroups = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
      .requiredSubgroupSize = argc == 3 ? atoi(argv[2]) : 0};
  VkPhysicalDevice physical = first_device();
  VkPhysicalDeviceProperties properties;
  vkGetPhysicalDeviceProperties(physical, &properties);
  VkDevice device = open_device(physical, argc == 3);
  char path[2048], entry[256], bindings[64];
  while (scanf("%2047s %255s %63s", path, entry, bindings) == 3) {
    VkPipelineLayout layout = make_layout(device, bindings);
    VkShaderModule module = make_module(device, path);
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR | VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = argc == 3 ? &subgroups : NULL,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = entry},
        .layout = layout};
    VkPipeline pipeline;
    check(vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline), path);
    report(device, properties.deviceName, pipeline, path, argv[1]);
    vkDestroyPipeline(device, pipeline, NULL);
    vkDestroyShaderModule(device, module, NULL);
    vkDestroyPipelineLayout(device, layout, NULL);
  }
  fflush(stdout);
  // The drivers without hardware do not always come down cleanly.
  _Exit(0);
}
